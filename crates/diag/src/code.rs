//! Stable diagnostic codes. A code is never reused for another meaning.

use std::fmt;

/// A stable code such as `KR0003`; two letters for the area, four digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub &'static str);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal;)+) => {
        impl Code {
            $($(#[doc = $doc])+ pub const $name: Code = Code($code);)+
        }
        /// Every code with the sentence that documents it, in the order of this file.
        pub const CODES: &[(Code, &str)] = &[$((Code::$name, concat!($($doc),+))),+];
    };
}

codes! {
    /// The path does not exist, cannot be opened, or is not of the kind that was asked for.
    IO_OPEN = "IO0001";
    /// The operating system failed a read or a write.
    IO_FAILED = "IO0002";
    /// The target could not be written; it was left as it was.
    IO_WRITE = "IO0003";
    /// The file ends before the data that it announces.
    IO_TRUNCATED = "IO0004";
    /// Something asks for more memory, depth or work than the file has earned.
    IO_LIMIT = "IO0005";
    /// The file is not any format that modelport reads; what it looks like is named.
    PROBE_UNKNOWN = "PR0001";
    /// The file is a git-lfs pointer, not the file itself.
    PROBE_LFS = "PR0002";
    /// The file is a web page or another text saved under a model's name.
    PROBE_TEXT = "PR0003";
    /// The file is empty.
    PROBE_EMPTY = "PR0004";
    /// The path is a directory where a file was expected.
    PROBE_DIRECTORY = "PR0005";
    /// The zip archive is damaged or uses what is not supported.
    ZIP_DAMAGED = "ZP0001";
    /// A zip member is missing.
    ZIP_MEMBER = "ZP0002";
    /// The HDF5 file is damaged or uses what is not supported.
    HDF5_DAMAGED = "H50001";
    /// The file is sound, and laid out in a way that `repair` does not rewrite in place.
    REPAIR_LAYOUT = "RP0001";
    /// The HDF5 file has no Keras model in it.
    KERAS_NOT_A_MODEL = "KR0001";
    /// The file holds weights only; the architecture must be given with `--arch`.
    KERAS_WEIGHTS_ONLY = "KR0002";
    /// The model configuration is not the JSON that Keras writes.
    KERAS_CONFIG = "KR0003";
    /// The weights in the file do not fit the layer that should own them.
    KERAS_WEIGHTS = "KR0004";
    /// A layer class is neither built in nor declared with `--custom`.
    KERAS_UNKNOWN_LAYER = "KR0005";
    /// A `Lambda` layer holds Python bytecode, which is never executed.
    KERAS_LAMBDA = "KR0006";
    /// A layer is used with an argument that has no lowering.
    KERAS_UNSUPPORTED = "KR0007";
    /// The connections between layers do not form a graph.
    KERAS_GRAPH = "KR0008";
    /// A layer configuration lacks an argument, or it has the wrong type.
    KERAS_ARGUMENT = "KR0009";
    /// The pickle is damaged: its opcodes do not give a value.
    PICKLE_DAMAGED = "PK0001";
    /// The pickle needs what is outside of it, or is of a protocol that is not known.
    PICKLE_OUTSIDE = "PK0002";
    /// A message in a TensorFlow file is damaged or not what TensorFlow writes.
    TF_DAMAGED = "TF0001";
    /// The nodes of a TensorFlow graph are not connected as a graph.
    TF_GRAPH = "TF0002";
    /// A function that is called is missing, or calls itself.
    TF_FUNCTION = "TF0003";
    /// The SavedModel has no such meta graph or signature.
    TF_SIGNATURE = "TF0004";
    /// What goes into a graph or comes out of it is not known, or is not there.
    TF_INTERFACE = "TF0005";
    /// A variable has no value in the checkpoint.
    TF_VARIABLE = "TF0006";
    /// The index of a checkpoint is damaged.
    TF_INDEX = "TF0007";
    /// A data file of a checkpoint is missing or too short.
    TF_SHARD = "TF0008";
    /// The bytes of a checkpoint do not have the checksum that they were written with.
    TF_CHECKSUM = "TF0009";
    /// The checkpoint holds weights only.
    TF_WEIGHTS_ONLY = "TF0010";
    /// A tensor in a graph does not fit its type and shape.
    TF_TENSOR = "TF0011";
    /// A path is one file of several that belong together.
    TF_PATH = "TF0012";
    /// A module of a PyTorch model has a class or an attribute that is not converted.
    TORCH_MODULE = "TO0201";
    /// A PyTorch file holds weights only, and which architecture they belong to cannot be told.
    TORCH_ARCHITECTURE = "TO0202";
    /// Classes of modules are neither PyTorch's nor declared with `--custom`.
    TORCH_UNKNOWN_MODULE = "TO0203";
    /// Weights do not fit the graph that they are put into.
    WEIGHTS_FIT = "WT0001";
    /// The archive of a PyTorch file is damaged, or parts of it contradict each other.
    TORCH_ARCHIVE = "TO0001";
    /// A tensor does not fit the storage that it is a view of.
    TORCH_TENSOR = "TO0002";
    /// A tensor is of a kind that no target has: quantised, sparse, without data.
    TORCH_UNSUPPORTED_TENSOR = "TO0003";
    /// The file holds weights only; the architecture must be given or recognised.
    TORCH_WEIGHTS_ONLY = "TO0004";
    /// The file holds no weights: a pickle of something else, or a checkpoint without a model.
    TORCH_NO_WEIGHTS = "TO0005";
    /// TensorFlow ops have no lowering; all are named with counts and places.
    TF_UNKNOWN_OP = "TF0101";
    /// An attribute of a TensorFlow op is missing or does not fit.
    TF_ATTRIBUTE = "TF0102";
    /// A TensorFlow op is used in a way that has no lowering.
    TF_UNSUPPORTED = "TF0103";
    /// The operands of a TensorFlow op do not fit it.
    TF_OPERANDS = "TF0104";
    /// A PyTorch op has no lowering and is not declared with `--custom`.
    TORCH_UNKNOWN_OP = "TO0101";
    /// A PyTorch op is used in a way that has no lowering.
    TORCH_UNSUPPORTED = "TO0102";
    /// The arguments of a PyTorch op do not fit its schema.
    TORCH_ARGUMENT = "TO0103";
    /// The calls of a PyTorch model do not form a graph.
    TORCH_GRAPH = "TO0104";
    /// The program in a `.pt2` file is not what PyTorch writes.
    TORCH_PROGRAM = "TO0105";
    /// The program in a `.pt2` file is of a schema version that is not read.
    TORCH_SCHEMA = "TO0106";
    /// The code in a TorchScript archive is not what PyTorch writes.
    TORCH_SCRIPT_CODE = "TO0301";
    /// The code in a TorchScript archive does what cannot be converted.
    TORCH_SCRIPT_UNSUPPORTED = "TO0302";
    /// The code in a TorchScript archive depends on a type or size that is not known when the model is converted.
    TORCH_SCRIPT_TYPE = "TO0303";
    /// A TorchScript model raises an exception for its inputs.
    TORCH_SCRIPT_RAISES = "TO0304";
    /// An operand's type does not fit the operation.
    IR_TYPE = "IR0001";
    /// A graph breaks an invariant of the IR.
    IR_INVALID = "IR0002";
    /// A text form could not be parsed.
    IR_PARSE = "IR0003";
    /// A tensor's data does not fit its dtype and shape.
    IR_TENSOR = "IR0004";
    /// An operation cannot be written at the requested opset.
    ONNX_OPSET = "OX0001";
    /// An ONNX file cannot be read.
    ONNX_READ = "OX0002";
    /// An ONNX operator is not part of the core op set.
    ONNX_UNSUPPORTED = "OX0003";
    /// The header of a safetensors file is damaged.
    SAFETENSORS_HEADER = "ST0001";
    /// The data of a safetensors file does not fit its header.
    SAFETENSORS_DATA = "ST0002";
    /// An element type that safetensors, or modelport, does not have.
    SAFETENSORS_DTYPE = "ST0003";
    /// Tensors cannot be written as a safetensors file.
    SAFETENSORS_WRITE = "ST0004";
    /// The index of a model in several safetensors files does not fit them.
    SAFETENSORS_INDEX = "ST0005";
    /// A safetensors file holds weights only; the model must be given beside it.
    SAFETENSORS_WEIGHTS_ONLY = "ST0006";
    /// Weights have no counterpart in the naming that was asked for.
    SAFETENSORS_NAMES = "ST0007";
    /// The interpreter cannot run a node on these values.
    RUN_FAILED = "RT0001";
    /// The written model's numbers differ from the reference.
    VERIFY_DIFFERS = "VF0001";
    /// An output is constant or not finite, so that a comparison proves nothing.
    VERIFY_MEANINGLESS = "VF0002";
    /// Verification could not be carried out.
    VERIFY_FAILED = "VF0003";
    /// A `--custom` declaration does not fit the layer.
    CUSTOM_DECLARATION = "CU0001";
    /// An argument on the command line does not fit the file.
    USAGE = "US0001";
    /// A defect in modelport itself, caught before it did harm.
    INTERNAL = "IN0001";
}

#[cfg(test)]
mod tests {
    use super::CODES;

    #[test]
    fn codes_are_unique_and_well_formed() {
        let mut seen = std::collections::BTreeSet::new();
        for (code, doc) in CODES {
            assert!(seen.insert(code.0), "{code} stands twice");
            assert_eq!(code.0.len(), 6);
            assert!(code.0[2..].bytes().all(|b| b.is_ascii_digit()));
            assert!(!doc.trim().is_empty());
        }
    }
}
