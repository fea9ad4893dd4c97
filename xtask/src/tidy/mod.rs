//! `tidy`: what no compiler checks. Each check returns sentences, one per violation; none of them builds anything.

mod arrows;
mod fixtures;
mod rows;
mod sources;

use crate::args::Args;
use crate::shell::{self, Result};

pub(crate) fn run(args: Args) -> Result<()> {
    args.finish()?;
    check()
}

/// Runs every check and prints all violations before it fails.
pub(crate) fn check() -> Result<()> {
    let root = shell::root();
    let mut found = arrows::check(&shell::metadata()?)?;
    found.extend(sources::check(&root)?);
    found.extend(rows::check(&root)?);
    found.extend(fixtures::check(&root)?);
    for violation in &found {
        println!("{violation}");
    }
    if found.is_empty() { Ok(()) } else { Err(format!("{} violations", found.len())) }
}
