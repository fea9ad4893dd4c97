//! From lazy tensors to files. What has no recipe is copied by the kernel; permuted and scaled tensors are put together
//! in blocks that stay in the cache, by all cores, while other blocks are written.
//!
//! Owns: the buffers and threads of that, which live as long as a file is written: fresh memory costs more than the work.

use super::{Data, Tensor, cast, permute};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_storage::{AtomicFile, ByteRange};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Tensors below this many bytes are not worth another thread.
const ALONE: usize = 1 << 20;
/// What buffers have room for from the start: memory that is not touched costs nothing, moving to a larger buffer does.
const ROOM: usize = 8 << 20;
/// Threads at most: the file system lets one write at a time.
const MOST_THREADS: usize = 4;

/// Buffers that one tensor leaves for the next: a block per core.
#[derive(Debug)]
pub struct Scratch {
    blocks: Vec<Vec<u8>>,
}

impl Default for Scratch {
    fn default() -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        Self { blocks: vec![Vec::new(); threads] }
    }
}

/// How the bytes of a tensor come about, block by block.
enum Blocks<'a> {
    Read(&'a ByteRange),
    Gather(permute::Plan, &'a [u8]),
}

/// Factors along an axis below which `inner` elements lie.
struct Scale<'a> {
    inner: usize,
    factors: &'a [f64],
}

impl Blocks<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Read(range) => range.len().div_ceil(permute::BLOCK as u64) as usize,
            Self::Gather(plan, _) => plan.blocks(),
        }
    }

    fn block(&self, i: usize) -> Range<usize> {
        match self {
            Self::Read(range) => i * permute::BLOCK..((i + 1) * permute::BLOCK).min(range.len() as usize),
            Self::Gather(plan, _) => plan.block(i),
        }
    }

    fn fill(&self, i: usize, at: usize, out: &mut [u8]) -> Result<()> {
        match self {
            Self::Read(range) => range.read_at(at as u64, out),
            Self::Gather(plan, source) => {
                plan.gather(i, source, out);
                Ok(())
            }
        }
    }
}

impl Tensor {
    /// Writes the elements to `out` at its position: copied by the kernel where no recipe is pending. `scratch` is for
    /// all tensors of a file.
    ///
    /// # Errors
    /// When the source cannot be read or the target not written.
    pub fn write_to(&self, out: &mut AtomicFile, scratch: &mut Scratch) -> Result<()> {
        let flat = self.unshaped();
        let (base, scale) = match flat.data() {
            Data::Scale(base, axis, factors) => {
                let inner = flat.shape().iter().skip(axis + 1).product();
                (base.unshaped(), Some(Scale { inner, factors }))
            }
            _ => (flat, None),
        };
        match (base.data(), scale) {
            (Data::Range(range), None) => out.copy_range(range),
            (Data::Range(range), scale) => base.write_blocks(&Blocks::Read(range), scale, out, &mut scratch.blocks),
            (Data::Permute(source, perm), scale) => {
                let plan = permute::Plan::new(source.shape(), perm, source.dtype().size());
                let bytes = match source.file_range() {
                    Some(range) => range.window()?,
                    None => source.bytes()?,
                };
                base.write_blocks(&Blocks::Gather(plan, &bytes), scale, out, &mut scratch.blocks)
            }
            (Data::Cast(source), None) => {
                let mut buf = Vec::new();
                source.for_chunks(&mut |_, chunk| {
                    buf.clear();
                    cast::cast_bytes(source.dtype(), chunk, self.dtype(), &mut buf);
                    out.write(&buf)
                })
            }
            _ => out.write(&self.bytes()?),
        }
    }

    /// The tensor in the shape that its recipe works on.
    fn unshaped(&self) -> &Tensor {
        match self.data() {
            Data::Reshape(base) => base.unshaped(),
            _ => self,
        }
    }

    fn write_blocks(
        &self,
        blocks: &Blocks<'_>,
        scale: Option<Scale<'_>>,
        out: &mut AtomicFile,
        buffers: &mut [Vec<u8>],
    ) -> Result<()> {
        let (start, len, size) = (out.position()?, self.byte_len(), self.dtype().size().max(1));
        let count = blocks.len();
        let target = &*out;
        let one = |i: usize, buffer: &mut Vec<u8>| {
            let range = blocks.block(i);
            grow(buffer, range.len());
            let piece = buffer.get_mut(..range.len()).unwrap_or_default();
            blocks.fill(i, range.start, piece)?;
            if let Some(scale) = &scale {
                cast::scale_in_place(self.dtype(), piece, range.start / size, scale.inner, scale.factors);
            }
            target.write_at(piece, start + range.start as u64)
        };
        let threads = if len < ALONE { 1 } else { buffers.len().min(count) };
        let buffers = buffers.get_mut(..threads.max(1)).unwrap_or_default();
        share(count, buffers, &one)?;
        out.seek(start + len as u64)
    }
}

/// Makes room for `len` bytes; what is in the buffer is lost.
fn grow(buffer: &mut Vec<u8>, len: usize) {
    if buffer.len() < len {
        // Dropped first, or both would be there for a moment.
        *buffer = Vec::new();
        *buffer = vec![0; len.max(ROOM)];
    }
}

/// Does the tasks `0..count` with one thread per state; the first failure is the result.
fn share<S: Send>(count: usize, states: &mut [S], task: &(dyn Fn(usize, &mut S) -> Result<()> + Sync)) -> Result<()> {
    let next = AtomicUsize::new(0);
    let work = &|state: &mut S| -> Result<()> {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            if i >= count {
                return Ok(());
            }
            task(i, state).inspect_err(|_| next.store(count, Ordering::Relaxed))?;
        }
    };
    let Some((own, others)) = states.split_first_mut() else {
        return Err(Diagnostic::error(Code::INTERNAL, "nothing to work with"));
    };
    thread::scope(|scope| {
        // A thread that cannot be had is not missed.
        let spawned: Vec<_> = others
            .iter_mut()
            .filter_map(|s| thread::Builder::new().spawn_scoped(scope, move || work(s)).ok())
            .collect();
        let mut result = work(own);
        for handle in spawned {
            result = result.and(handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        result
    })
}
