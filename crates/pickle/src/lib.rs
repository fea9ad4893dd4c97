//! A pickle machine that executes nothing: bytes become a tree of values in which a class stays an opaque node with its
//! name, arguments and state, whether or not it is known.
//!
//! ```
//! # fn main() -> modelport_diag::Result<()> {
//! let pickle = modelport_pickle::parse(b"\x80\x02}X\x01\x00\x00\x00aK\x07s.".as_slice().into(), &Default::default())?;
//! assert_eq!(pickle.root().get("a").and_then(|v| v.int()), Some(7));
//! # Ok(())
//! # }
//! ```
//!
//! Values lie in an arena and refer to each other by number, so that what a pickle shares stays shared and what refers to
//! itself does no harm. Calls that a pickle would make on load ([`Value::Object`]) are kept, never made;
//! [`Pickle::globals`] lists everything that it names.
//!
//! Owns: the opcodes of protocols 0 to 5. Must never know: torch, tensors, files other than the bytes it is given.
#![forbid(unsafe_code)]

mod depth;
mod globals;
mod machine;
mod node;
mod value;

pub use globals::{GlobalRef, Trust, classify};
pub use machine::parse;
pub use node::Node;
pub use value::{Id, Made, Object, Pickle, Value};
