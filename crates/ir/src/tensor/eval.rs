//! Evaluation of recipes in memory.

use super::{Data, Tensor, cast, permute};
use bytes::Bytes;
use modelport_diag::{Code, Diagnostic, Result};

/// Chunk in which a source is read while a whole result is built, in bytes.
const CHUNK: usize = 4 << 20;

impl Tensor {
    /// The elements, little-endian and row-major, read now.
    ///
    /// # Errors
    /// When the source cannot be read or is damaged.
    pub fn bytes(&self) -> Result<Bytes> {
        match self.data() {
            Data::Owned(b) => Ok(b.clone()),
            _ => self.evaluate().map(Bytes::from),
        }
    }

    fn evaluate(&self) -> Result<Vec<u8>> {
        match self.data() {
            Data::Range(r) => r.read(),
            Data::Owned(b) => Ok(b.to_vec()),
            Data::Lazy(l) => self.check(l.read()?),
            Data::Strings(_) => Err(Diagnostic::error(Code::IR_TENSOR, "strings have no fixed-size elements")),
            Data::Reshape(base) => base.evaluate(),
            Data::Permute(base, perm) => permuted(base, perm),
            Data::Cast(base) => self.cast_chunks(base),
            Data::Slice(base, start, step) => {
                Ok(permute::gather(&base.bytes()?, base.shape(), self.dtype().size(), start, self.shape(), step))
            }
            Data::Concat(parts, axis) => self.concatenated(parts, *axis),
            Data::Scale(base, axis, factors) => {
                let mut bytes = base.evaluate()?;
                let inner: usize = self.shape().iter().skip(axis + 1).product();
                cast::scale_in_place(self.dtype(), &mut bytes, 0, inner, factors);
                Ok(bytes)
            }
        }
    }

    fn check(&self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        if bytes.len() == self.byte_len() {
            return Ok(bytes);
        }
        Err(Diagnostic::error(Code::IR_TENSOR, "the data does not fit the tensor's type and shape")
            .expected(format!("{} bytes for {}", self.byte_len(), self.ty()))
            .found(format!("{} bytes", bytes.len())))
    }

    fn cast_chunks(&self, base: &Tensor) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(self.byte_len());
        base.for_chunks(&mut |_, chunk| {
            cast::cast_bytes(base.dtype(), chunk, self.dtype(), &mut out);
            Ok(())
        })?;
        Ok(out)
    }

    fn concatenated(&self, parts: &[Tensor], axis: usize) -> Result<Vec<u8>> {
        let outer: usize = self.shape().iter().take(axis).product();
        let mut out = vec![0; self.byte_len()];
        let row = self.byte_len().checked_div(outer).unwrap_or(0);
        let mut at = 0;
        for part in parts {
            let bytes = part.bytes()?;
            let piece = bytes.len().checked_div(outer).unwrap_or(0);
            if piece > 0 {
                for (to, from) in out.chunks_exact_mut(row).zip(bytes.chunks_exact(piece)) {
                    to[at..at + piece].copy_from_slice(from);
                }
            }
            at += piece;
        }
        Ok(out)
    }

    /// Hands the elements' bytes to `f` in order, in chunks whose length is a multiple of the element's size.
    /// A tensor without a recipe is never held in memory whole.
    ///
    /// # Errors
    /// When the source cannot be read, or `f` fails.
    pub fn for_chunks(&self, f: &mut dyn FnMut(usize, &[u8]) -> Result<()>) -> Result<()> {
        let Some(range) = self.file_range() else { return f(0, &self.bytes()?) };
        let size = self.dtype().size().max(1);
        let mut buf = vec![0; (CHUNK / size * size).min(range.len() as usize)];
        let mut at = 0;
        while at < range.len() {
            let n = (range.len() - at).min(buf.len() as u64) as usize;
            range.read_at(at, &mut buf[..n])?;
            f(at as usize, &buf[..n])?;
            at += n as u64;
        }
        Ok(())
    }
}

/// Permutes in memory.
fn permuted(base: &Tensor, perm: &[usize]) -> Result<Vec<u8>> {
    let source = base.bytes()?;
    let plan = permute::Plan::new(base.shape(), perm, base.dtype().size());
    let mut out = vec![0; source.len()];
    for i in 0..plan.blocks() {
        plan.gather(i, &source, &mut out[plan.block(i)]);
    }
    Ok(out)
}
