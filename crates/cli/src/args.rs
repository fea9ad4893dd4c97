//! The arguments of every command.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Reads saved deep-learning models of any framework version and writes verified ONNX. No Python, no framework, and
/// nothing inside a file is ever executed.
#[derive(Debug, Parser)]
#[command(name = "modelport", version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 refused or failed, with diagnostics on stderr; 2 wrong usage; \
                          3 verification found a difference.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Convert a model to ONNX
    #[command(after_help = EXIT_CODES)]
    Convert(Convert),
    /// Compare a written ONNX file with the model it came from
    #[command(after_help = EXIT_CODES)]
    Verify(Verify),
    /// Show what a file is, who wrote it, its layers and weights
    #[command(after_help = EXIT_CODES)]
    Inspect(Inspect),
    /// Say what a diagnostic's code means
    Explain {
        /// A code such as KR0005; all of them when absent
        code: Option<String>,
    },
    /// List the layers and operations that are converted
    Supported,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// What a reader may need besides the file.
#[derive(Debug, Args)]
pub(crate) struct Reading {
    /// Architecture JSON, for a file that holds weights only (what `model.to_json()` returns)
    #[arg(long, value_name = "FILE.json")]
    pub(crate) arch: Option<PathBuf>,
    /// Declarations of custom layers in the text form; may be given more than once
    #[arg(long, value_name = "FILE")]
    pub(crate) custom: Vec<PathBuf>,
    /// Write unknown layers as nodes in a custom ONNX domain instead of failing
    #[arg(long)]
    pub(crate) allow_custom_ops: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Convert {
    /// The model: .h5, .hdf5 or .keras, recognised by content
    pub(crate) input: PathBuf,
    /// The target, ending in .onnx; appears whole or not at all
    #[arg(required_unless_present = "emit")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// ONNX opset to write [default: the newest that the released onnxruntime runs]
    #[arg(long, value_name = "N")]
    pub(crate) opset: Option<i64>,
    /// Keep weights in OUT.onnx.data beside the target (done in any case above 2 GiB)
    #[arg(long)]
    pub(crate) external_data: bool,
    /// Layout of image inputs in the written signature
    #[arg(long, value_enum, default_value = "keep")]
    pub(crate) input_layout: Layout,
    /// Compare the written file with the interpreter before it gets its name
    #[arg(long)]
    pub(crate) verify: bool,
    /// Inputs and outputs recorded by the framework (.npz with in:<name>, out:<name>); implies --verify
    #[arg(long, value_name = "FILE.npz")]
    pub(crate) golden: Option<PathBuf>,
    /// Seed of the random inputs of --verify
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Print a stage of the graph in the text form instead of converting
    #[arg(long, value_enum, conflicts_with_all = ["verify", "golden"])]
    pub(crate) emit: Option<Emit>,
    /// Print every version rule that was applied
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The model
    pub(crate) input: PathBuf,
    /// The ONNX file written from it
    pub(crate) written: PathBuf,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Inputs and outputs recorded by the framework (.npz with in:<name>, out:<name>)
    #[arg(long, value_name = "FILE.npz")]
    pub(crate) golden: Option<PathBuf>,
    /// Seed of the random inputs
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The file
    pub(crate) input: PathBuf,
    /// Architecture JSON, for a file that holds weights only
    #[arg(long, value_name = "FILE.json")]
    pub(crate) arch: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Layout {
    /// As in the model
    Keep,
    /// Channels first: the boundary transpose moves into the signature
    Nchw,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Emit {
    /// The framework's own ops, after the version rules
    Source,
    /// Core ops, before any pass
    Core,
}
