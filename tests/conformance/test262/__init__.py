"""Runs test262 cases inside the guest and, beside it, in the native QuickJS-ng of the same version.

`python -m tests.conformance.test262 FOLDER` says where the two differ: such a difference is ours.
The corpus is not part of this repository; https://github.com/tc39/test262 has it.
"""
