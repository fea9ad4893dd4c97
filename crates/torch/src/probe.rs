//! Telling what a file is by its content. Owns: signatures. Must never know: how a format is read.

use crate::archive;
use modelport_storage::MappedFile;
use std::sync::Arc;

/// What kind of PyTorch file this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `torch.save` since 1.6: a zip archive with `data.pkl`.
    Zip,
    /// `torch.save` before 1.6: pickles one after the other, then storages.
    Legacy,
    /// `torch.save` of 0.1: a tar archive.
    Tar,
    /// TorchScript: a zip archive with `code/`.
    TorchScript,
    /// `torch.export.save`: `.pt2`.
    Exported,
    /// A pickle that `torch.save` did not write: `pickle.dump`, joblib.
    Pickle,
}

impl Kind {
    /// What the file is called in reports.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Zip => "PyTorch archive (zip)",
            Self::Legacy => "PyTorch file of the format before 1.6",
            Self::Tar => "PyTorch file of the format of 0.1 (tar)",
            Self::TorchScript => "TorchScript archive",
            Self::Exported => "PyTorch exported program (.pt2)",
            Self::Pickle => "Python pickle",
        }
    }
}

/// Recognises a PyTorch file by content.
pub fn probe(file: &Arc<MappedFile>) -> Option<Kind> {
    let bytes = file.bytes();
    if bytes.starts_with(b"PK\x03\x04") {
        return match archive::members(file) {
            Some(names) => zip_kind(&names),
            // The directory is at the end: what is cut off shows by the name of its first member.
            None => broken_zip(bytes).then_some(Kind::Zip),
        };
    }
    if archive::is_tar(file) {
        let names: Vec<_> = archive::tar_members(file).into_iter().map(|(name, _)| name).collect();
        return names.iter().any(|n| n == "sys_info" || n == "storages").then_some(Kind::Tar);
    }
    let head = bytes.get(..bytes.len().min(32)).unwrap_or_default();
    if head.windows(archive::MAGIC.len()).any(|w| w == archive::MAGIC) {
        return Some(Kind::Legacy);
    }
    is_pickle(bytes).then_some(Kind::Pickle)
}

fn zip_kind(names: &[String]) -> Option<Kind> {
    let has = |name: &str| names.iter().any(|n| n == name);
    let under = |dir: &str| names.iter().any(|n| n.starts_with(dir));
    if has("serialized_exported_program.json") || has("archive_format") || (under("models/") && has("archive_version"))
    {
        return Some(Kind::Exported);
    }
    // `model.json` is TorchScript of 1.0 to 1.2.
    if (under("code/") && (has("data.pkl") || has("constants.pkl")))
        || (has("model.json") && (under("tensors/") || under("code/")))
    {
        return Some(Kind::TorchScript);
    }
    (has("data.pkl")).then_some(Kind::Zip)
}

fn broken_zip(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(1024)).unwrap_or_default();
    [&b"/data.pkl"[..], b"/code/", b"/version", b"/byteorder", b"/.format_version", b"/archive_format"]
        .iter()
        .any(|name| head.windows(name.len()).any(|w| w == *name))
}

/// Protocol 2 and later say so at the start; a pickle of protocol 0 or 1 is told by its first opcodes and its end.
fn is_pickle(bytes: &[u8]) -> bool {
    match bytes {
        [0x80, 2..=5, ..] => true,
        [b'(', b'd' | b'l' | b'i', ..] | [b'c', b'a'..=b'z' | b'_', ..] | [b'}' | b']', b'q', ..] => {
            bytes.trim_ascii_end().ends_with(b".") && !bytes.iter().take(16).any(|b| matches!(b, b'<' | b'{'))
        }
        _ => false,
    }
}
