//! Passes over core graphs: each takes a graph and returns one that computes the same.
//!
//! Owns: rewriting. Must never know: frameworks, file formats, kernels. No pass reads a weight: what must change in
//! one becomes a pending recipe of its [`crate::Tensor`]; only parameters with one number per channel are read.

mod affine;
mod axes;
mod layout;
mod net;
mod optimize;
mod prune;
mod remake;

pub use layout::channels_first;
pub use optimize::optimize;
pub use prune::prune;

/// What [`channels_first`] does with the types of graph inputs and outputs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum InputLayout {
    /// They stay as they are; transposes are inserted at the boundary.
    #[default]
    Keep,
    /// Images and volumes (rank 4 and more) that would be transposed at the boundary are channels-first in the
    /// signature instead.
    Nchw,
}
