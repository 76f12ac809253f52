"""Checking many specs: each once as long as nothing that it is made of changes, and several at a time."""

from kspec.checking.all import check_all
from kspec.checking.one import Outcome, Request

__all__ = ["Outcome", "Request", "check_all"]
