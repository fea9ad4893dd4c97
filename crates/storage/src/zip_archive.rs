//! Zip archives over a mapped file: stored members as lazy ranges, deflated ones unpacked within limits.

use crate::{ByteRange, MappedFile, RangeReader};
use bytes::Bytes;
use modelport_diag::{Code, Diagnostic, Limits, Result};
use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;
use zip::CompressionMethod;
use zip::read::{ArchiveOffset, Config};

/// One member of an archive, as the central directory describes it.
#[derive(Clone, Debug)]
pub struct Member {
    /// Path inside the archive.
    pub name: String,
    /// Size in bytes once unpacked, as announced.
    pub size: u64,
    /// Size in bytes in the archive.
    pub compressed_size: u64,
    /// Whether the bytes stand in the archive as they are.
    pub stored: bool,
    data_start: u64,
}

/// An archive whose directory was read; no member is read until asked for.
#[derive(Debug)]
pub struct ZipArchive {
    file: Arc<MappedFile>,
    members: Vec<Member>,
    /// Places in `members`; of two members of one name the first.
    places: HashMap<String, usize>,
    directory: zip::ZipArchive<RangeReader>,
    limits: Limits,
}

impl ZipArchive {
    /// Reads the directory of `file`.
    ///
    /// # Errors
    /// `ZP0001` when it is damaged, has too many members, members overlap, or the directory leads to a member of another
    /// name.
    pub fn open(file: Arc<MappedFile>, limits: Limits) -> Result<Self> {
        let damaged = |e: String| {
            Diagnostic::error(Code::ZIP_DAMAGED, format!("the zip archive cannot be read: {e}"))
                .in_file(file.name())
                .help("the file was cut off or altered; get it again")
        };
        let mut archive = match directory(&file) {
            Ok(archive) => archive,
            Err(_) if !has_directory(file.bytes()) => return Err(cut_off(&file)),
            Err(e) => return Err(damaged(e.to_string())),
        };
        if archive.len() > limits.objects {
            return Err(damaged(format!("{} members are more than the limit of {}", archive.len(), limits.objects)));
        }
        let whole = ByteRange::whole(file.clone());
        let mut members = Vec::with_capacity(archive.len());
        for i in 0..archive.len() {
            let entry = archive.by_index_raw(i).map_err(|e| damaged(e.to_string()))?;
            let stored = entry.compression() == CompressionMethod::Stored && !entry.encrypted();
            let data_start = entry.data_start().ok_or_else(|| damaged("a member has no data".into()))?;
            check_header(&whole, entry.header_start(), entry.name_raw()).map_err(damaged)?;
            members.push(Member {
                name: entry.name().map_err(|e| damaged(e.to_string()))?.into_owned(),
                size: entry.size(),
                compressed_size: entry.compressed_size(),
                stored,
                data_start,
            });
        }
        check_overlap(&members).map_err(damaged)?;
        let mut places = HashMap::with_capacity(members.len());
        for (i, member) in members.iter().enumerate() {
            places.entry(member.name.clone()).or_insert(i);
        }
        Ok(Self { file, members, places, directory: archive, limits })
    }

    /// The file that holds the archive.
    pub fn file(&self) -> &Arc<MappedFile> {
        &self.file
    }

    /// All members in the order of the directory.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The member called `name`.
    pub fn find(&self, name: &str) -> Option<&Member> {
        self.members.get(*self.places.get(name)?)
    }

    fn require(&self, name: &str) -> Result<(usize, &Member)> {
        let place = self.places.get(name).and_then(|&i| Some((i, self.members.get(i)?)));
        place.ok_or_else(|| {
            Diagnostic::error(Code::ZIP_MEMBER, format!("the archive has no member `{name}`")).in_file(self.file.name())
        })
    }

    /// A member as a file of its own: a range of the archive when stored, unpacked into memory otherwise.
    ///
    /// # Errors
    /// `ZP0002` when there is none, `IO0004` when it reaches past the end, `IO0005` when it unpacks to more than the
    /// archive has earned ([`Limits::expansion`]), `ZP0001` when it does not unpack or its checksum is wrong.
    pub fn range(&self, name: &str) -> Result<ByteRange> {
        let (index, member) = self.require(name)?;
        if member.stored {
            return ByteRange::new(self.file.clone(), member.data_start, member.size);
        }
        let bytes = self.unpack(index, member)?;
        let name = format!("{}!{}", self.file.name(), member.name);
        Ok(ByteRange::whole(MappedFile::from_bytes(name, bytes)))
    }

    /// A member's bytes for metadata, at most [`Limits::metadata_bytes`].
    ///
    /// # Errors
    /// As [`ZipArchive::range`], and `IO0005` beyond the limit.
    pub fn metadata(&self, name: &str) -> Result<Bytes> {
        let (_, member) = self.require(name)?;
        if !member.stored {
            self.check_size(member)?;
        }
        if member.size > self.limits.metadata_bytes {
            return Err(Diagnostic::error(Code::IO_LIMIT, format!("member `{name}` is too large for metadata"))
                .in_file(self.file.name())
                .expected(format!("at most {} bytes", self.limits.metadata_bytes))
                .found(format!("{} bytes", member.size)));
        }
        Ok(self.range(name)?.mapped())
    }

    /// Fails when a packed member announces more bytes than its packed bytes can give.
    ///
    /// # Errors
    /// `IO0005`, see [`Limits::expansion`].
    pub fn check_size(&self, member: &Member) -> Result<()> {
        let name = &member.name;
        let most = member.compressed_size.saturating_mul(self.limits.expansion).saturating_add(4096);
        if member.size > most {
            return Err(Diagnostic::error(Code::IO_LIMIT, format!("member `{name}` announces more than it can hold"))
                .in_file(self.file.name())
                .expected(format!("at most {most} bytes from {} packed bytes", member.compressed_size))
                .found(format!("{} bytes", member.size))
                .help("this is how a zip bomb looks; do not trust the file"));
        }
        Ok(())
    }

    fn unpack(&self, index: usize, member: &Member) -> Result<Vec<u8>> {
        let name = &member.name;
        self.check_size(member)?;
        let damaged = |e: String| {
            Diagnostic::error(Code::ZIP_DAMAGED, format!("member `{name}` cannot be unpacked: {e}"))
                .in_file(self.file.name())
        };
        // The directory is shared by its clones.
        let mut archive = self.directory.clone();
        let entry = archive.by_index(index).map_err(|e| damaged(e.to_string()))?;
        let mut out = Vec::new();
        // One byte more than announced, so that a member that lies about its size is noticed.
        entry.take(member.size + 1).read_to_end(&mut out).map_err(|e| damaged(e.to_string()))?;
        if out.len() as u64 != member.size {
            return Err(damaged(format!("it has {} bytes or more, but announces {}", out.len(), member.size)));
        }
        Ok(out)
    }
}

/// The central directory. It is first looked for where the end record says: to search for it, as for an archive that follows
/// other data, zip 9.8 measures back from the end record, and where that is preceded by a zip64 end record that it does not
/// need (76 bytes, which every archive of PyTorch has) takes the second entry for the first when the first is 76 bytes long.
fn directory(file: &Arc<MappedFile>) -> zip::result::ZipResult<zip::ZipArchive<RangeReader>> {
    let whole = Config { archive_offset: ArchiveOffset::Known(0) };
    let reader = || RangeReader::new(ByteRange::whole(file.clone()));
    zip::ZipArchive::with_config(whole, reader()).or_else(|_| zip::ZipArchive::new(reader()))
}

/// Whether the directory's end mark stands where it may: before a comment of at most 64 KiB.
fn has_directory(bytes: &[u8]) -> bool {
    let end = bytes.get(bytes.len().saturating_sub(22 + 0xffff)..).unwrap_or_default();
    end.windows(4).any(|w| w == b"PK\x05\x06")
}

fn cut_off(file: &MappedFile) -> Box<Diagnostic> {
    Diagnostic::error(Code::ZIP_DAMAGED, "the zip archive lacks its directory, which stands at its end")
        .in_file(file.name())
        .found(format!("{} bytes", file.len()))
        .help("the file was cut off while it was copied or downloaded; get it again")
}

/// The header before a member's data names it too. Where the directory says another name, two programs would take the same
/// bytes for different members.
fn check_header(file: &ByteRange, start: u64, name: &[u8]) -> std::result::Result<(), String> {
    let mut header = vec![0; 30 + name.len()];
    if file.read_at(start, &mut header).is_ok()
        && usize::from(u16::from_le_bytes([header[26], header[27]])) == name.len()
        && header.ends_with(name)
    {
        return Ok(());
    }
    Err(format!("the directory leads from `{}` to a member of another name", String::from_utf8_lossy(name)))
}

/// Members that share bytes are how archive bombs and parser-differential attacks are built.
fn check_overlap(members: &[Member]) -> std::result::Result<(), String> {
    let mut spans: Vec<_> =
        members.iter().filter(|m| m.compressed_size > 0).map(|m| (m.data_start, m.compressed_size, &m.name)).collect();
    spans.sort_unstable();
    for pair in spans.windows(2) {
        if let [(start, len, a), (next, _, b)] = pair
            && start.saturating_add(*len) > *next
        {
            return Err(format!("members `{a}` and `{b}` overlap"));
        }
    }
    Ok(())
}
