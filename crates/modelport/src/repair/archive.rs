//! A `.keras` archive with another configuration; every other member keeps its bytes as they are packed.
//!
//! Owns: which members are replaced. Must never know: what is in a configuration.

use modelport_diag::{Code, Diagnostic, Result};
use modelport_storage::AtomicFile;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Metadata is a few words.
const MOST_METADATA: u64 = 1 << 20;

/// Writes `input` to `output` with this configuration and version.
pub(crate) fn write(input: &Path, output: &Path, model: &Value, version: &str) -> Result<()> {
    let opened = File::open(input).map_err(|e| failed(Code::IO_OPEN, input, &e))?;
    let mut archive = ZipArchive::new(opened).map_err(|e| failed(Code::ZIP_DAMAGED, input, &e))?;
    let mut target = AtomicFile::create(output)?;
    let mut zip = ZipWriter::new(target.file());
    for i in 0..archive.len() {
        let member = archive.by_index_raw(i).map_err(|e| failed(Code::ZIP_DAMAGED, input, &e))?;
        let name = member.name().map_err(|e| failed(Code::ZIP_DAMAGED, input, &e))?.into_owned();
        drop(member);
        let replaced = match name.as_str() {
            "config.json" => Some(model.to_string()),
            "metadata.json" => {
                Some(metadata(&mut archive, i, version).map_err(|e| failed(Code::ZIP_DAMAGED, input, &e))?)
            }
            _ => None,
        };
        let done = match replaced {
            Some(text) => {
                let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
                zip.start_file(&name, options).and_then(|()| Ok(zip.write_all(text.as_bytes())?))
            }
            None => archive.by_index_raw(i).and_then(|member| zip.raw_copy_file(member)),
        };
        done.map_err(|e| failed(Code::IO_WRITE, output, &e))?;
    }
    zip.finish().map_err(|e| failed(Code::IO_WRITE, output, &e))?;
    target.commit()
}

fn metadata(archive: &mut ZipArchive<File>, i: usize, version: &str) -> zip::result::ZipResult<String> {
    let mut text = String::new();
    archive.by_index(i)?.take(MOST_METADATA).read_to_string(&mut text)?;
    let mut value: Value = serde_json::from_str(&text).unwrap_or_else(|_| json!({}));
    if let Some(map) = value.as_object_mut() {
        map.insert("keras_version".to_owned(), json!(version));
    }
    Ok(value.to_string())
}

fn failed(code: Code, path: &Path, why: &dyn std::fmt::Display) -> Box<Diagnostic> {
    Diagnostic::error(code, format!("the archive cannot be rewritten: {why}")).in_file(path.display().to_string())
}
