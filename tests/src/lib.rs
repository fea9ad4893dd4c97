//! Whole-path tests live in this package; see `tests/`. Shared helpers only.
