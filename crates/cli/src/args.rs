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

const DOCTOR_CODES: &str = "Exit codes: 0 it loads, or an error was explained; 1 it will not load; 2 it could not be read, or \
                            wrong usage.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Convert a model to ONNX, or its weights to safetensors
    #[command(after_help = EXIT_CODES)]
    Convert(Convert),
    /// Compare a written ONNX file with the model it came from
    #[command(after_help = EXIT_CODES)]
    Verify(Verify),
    /// Show what a file is, who wrote it, its layers and weights
    #[command(after_help = EXIT_CODES)]
    Inspect(Inspect),
    /// Say why a file does not load in a framework, and what to do
    #[command(after_help = DOCTOR_CODES)]
    Doctor(Doctor),
    /// Rewrite a Keras file so that Keras 3 loads it, or a PyTorch file as a state_dict; weights keep their bytes
    #[command(after_help = EXIT_CODES)]
    Repair(Repair),
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
    /// The architecture of a file that holds weights only: for Keras what `model.to_json()` returns, for torch a name
    #[arg(long, value_name = "FILE.json|NAME[,OPTION=VALUE]")]
    pub(crate) arch: Option<PathBuf>,
    /// A file whose graph takes the weights of this one, by name
    #[arg(long, value_name = "MODEL")]
    pub(crate) graph: Option<PathBuf>,
    /// Where the weights are in a torch checkpoint that holds several: `state_dict`, `model.ema`
    #[arg(long, value_name = "KEY")]
    pub(crate) weights_key: Option<String>,
    /// Tags of the SavedModel's meta graph [default: serve]
    #[arg(long, value_name = "TAGS", value_delimiter = ',')]
    pub(crate) tag_set: Vec<String>,
    /// Key of the SavedModel's signature [default: serving_default]
    #[arg(long, value_name = "KEY")]
    pub(crate) signature: Option<String>,
    /// Tensors that are inputs of a TensorFlow graph: `x:0`
    #[arg(long, value_name = "TENSORS", value_delimiter = ',')]
    pub(crate) inputs: Vec<String>,
    /// Tensors that are outputs of a TensorFlow graph
    #[arg(long, value_name = "TENSORS", value_delimiter = ',')]
    pub(crate) outputs: Vec<String>,
    /// Type of an input that the file leaves open, as `f32[N,3,224,224]` or `NAME=f32[N,3,224,224]`; may be repeated
    #[arg(long, value_name = "[NAME=]TYPE")]
    pub(crate) input_type: Vec<String>,
    /// Value that an input has for good, as `sr=16000` or `training=false`: it is none any more; may be repeated
    #[arg(long, value_name = "[NAME=]VALUE", allow_hyphen_values = true)]
    pub(crate) input_value: Vec<String>,
    /// Hold checksums of tensors against their bytes
    #[arg(long)]
    pub(crate) checksums: bool,
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
    /// The target, ending in .onnx or .safetensors; appears whole or not at all
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
    /// Naming and layout of weights in a safetensors target [default: those of the framework]
    #[arg(long, value_enum)]
    pub(crate) names: Option<Names>,
    /// Type of floating-point weights in a safetensors target [default: their own]
    #[arg(long, value_enum)]
    pub(crate) dtype: Option<Float>,
    /// Bytes of weights in one safetensors file, as 500MB or 2GiB; more are split, with an index [default: 5GB]
    #[arg(long, value_name = "SIZE")]
    pub(crate) shard_size: Option<String>,
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
    #[arg(required_unless_present = "replay")]
    pub(crate) input: Option<PathBuf>,
    /// The ONNX file written from it
    #[arg(required_unless_present = "replay")]
    pub(crate) written: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Inputs and outputs recorded by the framework (.npz with in:<name>, out:<name>)
    #[arg(long, value_name = "FILE.npz")]
    pub(crate) golden: Option<PathBuf>,
    /// Seed of the random inputs
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Write a report to hand on, with the values inside the model; ends in .json or .html
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Repeat the verification of a report
    #[arg(long, value_name = "REPORT.json", conflicts_with_all = ["input", "written", "golden"])]
    pub(crate) replay: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Repair {
    /// The file: .h5 or .keras of Keras, or any file of PyTorch
    pub(crate) input: PathBuf,
    /// The target, of the same kind; appears whole or not at all
    pub(crate) output: PathBuf,
    /// Where it should load, keras==3.15 or torch==1.4 [default: the newest version]
    #[arg(long = "for", value_name = "PRODUCT==VERSION")]
    pub(crate) target: Option<String>,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The file
    pub(crate) input: PathBuf,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// List every layer or operation
    #[arg(long)]
    pub(crate) layers: bool,
    /// Count the classes of layers or operations
    #[arg(long)]
    pub(crate) ops: bool,
    /// List every weight
    #[arg(long)]
    pub(crate) weights: bool,
    /// Write a page that stands alone: the graph drawn, and the statistics of every weight
    #[arg(long, value_name = "FILE.html")]
    pub(crate) html: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The file or directory; may be left out with --error
    #[arg(required_unless_present = "error")]
    pub(crate) input: Option<PathBuf>,
    /// Where it should load [default: the newest version of the framework that wrote it]
    #[arg(long = "for", value_name = "PRODUCT==VERSION")]
    pub(crate) target: Option<String>,
    /// The error that you saw, or - to read it from stdin
    #[arg(long, value_name = "TEXT|-")]
    pub(crate) error: Option<String>,
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
pub(crate) enum Names {
    /// `conv1/kernel`, channels last
    Keras,
    /// `conv1.weight`, channels first: what `load_state_dict` takes
    Torch,
    /// As the variables of Keras layers
    Tf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Float {
    /// IEEE 754 binary16
    F16,
    /// bfloat16
    Bf16,
    /// IEEE 754 binary32
    F32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Emit {
    /// The framework's own ops, after the version rules
    Source,
    /// Core ops, before any pass
    Core,
}
