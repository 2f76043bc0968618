#!/bin/sh
# A released rustdoc tells of an example that must not compile only that it does not; with this word
# also whether that is for the reason, by its code, that the example gives.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"
