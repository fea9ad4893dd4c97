//! Ops that are known and cannot be converted, with the reason. They are reported together with unknown ops.

/// Why ops of one family have no lowering: names (one `*` stands for anything), and the sentence.
const REASONS: &[(&[&str], &str)] = &[
    (
        &[
            "RandomGamma*",
            "RandomPoisson*",
            "RandomIndexShuffle",
            "StatelessRandomBinomial",
            "StatelessRandomGamma*",
            "StatelessRandomPoisson",
            "StatefulStandardNormal",
            "StatefulUniformFullInt",
            "StatefulRandomBinomial",
            "StatelessParameterizedTruncatedNormal",
            "StatelessSampleDistortedBoundingBox",
            "RngSkip",
            "*CandidateSampler",
            "StatelessShuffle",
        ],
        "of random numbers, evenly and normally distributed ones are converted, drawn anew in every run; dropout and \
         augmentation belong to training: export the model for inference",
    ),
    (
        &[
            "String*",
            "Regex*",
            "StaticRegex*",
            "AsString",
            "Substr",
            "Unicode*",
            "EncodeBase64",
            "DecodeBase64",
            "ReduceJoin",
            "UnsortedSegmentJoin",
            "Sentencepiece*",
            "Wordpiece*",
            "*TokenizeWithOffsets*",
            "StringToHashBucket*",
            "StringToNumber",
            "StringNGrams",
            "StringSplit*",
        ],
        "text is processed before an ONNX model runs: cut the graph behind it with `--inputs`",
    ),
    (
        &[
            "FFT3D",
            "IFFT3D",
            "RFFT3D",
            "IRFFT3D",
            "FFTND",
            "IFFTND",
            "RFFTND",
            "IRFFTND",
            "BatchFFT*",
            "BatchIFFT*",
            "AudioSpectrogram",
            "Mfcc",
        ],
        "of Fourier transforms, those over one axis and over two are converted",
    ),
    (
        &[
            "HashTable*",
            "MutableHashTable*",
            "MutableDenseHashTable*",
            "LookupTable*",
            "InitializeTable*",
            "AnonymousHashTable",
            "AnonymousMutable*",
        ],
        "a table is converted when the graph, a file of its assets or the checkpoint of a SavedModel or `.meta` holds all its \
         keys and values, and they are at most 65536; a frozen graph has lost those of a table that can change: cut the graph \
         behind the look-up with `--inputs`",
    ),
    (
        &[
            "Parse*Example*",
            "ParseTensor",
            "DecodeJpeg",
            "DecodePng",
            "DecodeImage",
            "DecodeGif",
            "DecodeBmp",
            "DecodeRaw",
            "DecodeCSV",
            "DecodeProto*",
            "DecodeWav",
            "DecodeAndCropJpeg",
            "EncodeJpeg",
            "EncodePng",
            "EncodeWav",
            "ReadFile",
            "WriteFile",
            "DecodeCompressed",
            "DecodePaddedRaw",
            "SerializeTensor",
        ],
        "files and encoded data are decoded before an ONNX model runs: cut the graph behind it with `--inputs`",
    ),
    (
        &[
            "*Iterator*",
            "*Dataset*",
            "Queue*",
            "FIFOQueue*",
            "PaddingFIFOQueue*",
            "RandomShuffleQueue*",
            "Reader*",
            "Barrier*",
            "Stage",
            "Unstage",
            "StackPop*",
            "StackPush*",
            "StackV2",
            "TensorArray*",
        ],
        "queues, datasets and arrays that live outside of the graph feed training: give `--inputs` behind them",
    ),
    (
        &["CudnnRNNBackprop*", "CudnnRNNParamsSize"],
        "cuDNN's ops for training are not converted: export the model for inference",
    ),
    (
        &[
            "RaggedBincount",
            "RaggedCountSparseOutput",
            "RaggedCross",
            "RaggedFillEmptyRows*",
            "RaggedTensorToVariant*",
            "RaggedTensorFromVariant",
            "SparseConcat",
            "SparseSlice*",
            "SparseAdd",
            "SparseReduce*",
            "SparseSplit",
            "SparseCross*",
            "SparseDenseCwise*",
            "SparseSoftmax",
            "SparseSparse*",
            "SerializeSparse*",
            "DeserializeSparse*",
            "DenseToSparseSetOperation",
            "SparseToSparseSetOperation",
            "SetSize",
        ],
        "ONNX has no ragged or sparse tensors and no sets; of their ops, those that make dense tensors of them or pick rows \
         are converted: pad to dense tensors before the model, and cut the graph there with `--inputs`",
    ),
    (
        &["CTCBeamSearch*", "CTCLoss*"],
        "the search keeps several candidates at every step; cut the graph before it with `--outputs`, or decode greedily",
    ),
    (&["FractionalMaxPool*", "FractionalAvgPool*"], "fractional pooling draws its regions at random"),
    (&["PyFunc*", "EagerPyFunc"], "a Python function is not in the file"),
    (
        &["Assign*", "ResourceApply*", "Apply*", "Scatter*Update", "ResourceScatter*", "CountUpTo", "SymbolicGradient"],
        "the op changes variables, which is training: an ONNX model keeps no state between runs",
    ),
];

/// Why an op has no lowering, where that is known.
pub(super) fn reason(op: &str) -> Option<&'static str> {
    REASONS.iter().find(|(names, _)| names.iter().any(|n| matches(n, op))).map(|(_, why)| *why)
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split('*').collect::<Vec<_>>().as_slice() {
        [whole] => *whole == name,
        [head, tail] => name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail),
        ["", middle, ""] => name.contains(middle),
        [head, middle, ""] => name.strip_prefix(head).is_some_and(|rest| rest.contains(middle)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{matches, reason};

    #[test]
    fn patterns() {
        assert!(matches("RandomGamma*", "RandomGammaGrad") && matches("*Iterator*", "OneShotIterator"));
        assert!(matches("Parse*Example*", "ParseSingleExample") && matches("Real", "Real"));
        assert!(!matches("Real", "RealDiv") && !matches("FFT*", "RFFT"));
    }

    #[test]
    fn no_op_with_a_lowering_is_refused() {
        for name in super::super::supported() {
            assert!(reason(name).is_none(), "{name}");
        }
    }
}
