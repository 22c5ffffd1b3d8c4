"""The command line for people: help, mistakes explained, tools. Only place for click."""
