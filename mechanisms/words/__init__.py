"""Mechanisms that replace words, one a file: definition, sampler, law, claim."""
