//! Transcripts: commands, their output and exit status, run from the repository's root so that paths are those of the
//! README. `TRYCMD=overwrite` writes them anew.

#[test]
fn transcripts() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    std::fs::create_dir_all(root.join("target/transcripts")).unwrap();
    std::env::set_current_dir(&root).unwrap();
    trycmd::TestCases::new().case("crates/cli/tests/cmd/*.trycmd");
}
