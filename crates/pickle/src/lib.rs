//! A pickle machine that executes nothing: bytes become a value tree in which an unknown class stays an opaque node.
//!
//! Owns: the pickle opcodes, protocols 0 to 5. Must never know: torch, tensors, files other than the bytes it is given.
#![forbid(unsafe_code)]
