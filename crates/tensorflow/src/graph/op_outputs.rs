//! Which outputs an op has, where they are more than one tensor: the names that references inside functions use
//! (`node:indices:0`). Owns: the output arguments of the OpDefs of TensorFlow 2.21 (`tensorflow/core/ops/*.cc`) that can
//! stand in a graph for inference. Must never know: what the ops mean.

/// Op and its output arguments in order; `name*attr` stands for as many tensors as the attribute says: a number, or the
/// length of a list of types.
const OUTPUTS: &[(&str, &str)] = &[
    ("BatchSelfAdjointEigV2", "e v"),
    ("BatchSvd", "s u v"),
    ("BlockLSTM", "i cs f o ci co h"),
    ("BlockLSTMV2", "i cs f o ci co h"),
    ("Case", "output*Tout"),
    ("CombinedNonMaxSuppression", "nmsed_boxes nmsed_scores nmsed_classes valid_detections"),
    ("ConcatOffset", "offset*N"),
    ("CudnnRNN", "output output_h output_c reserve_space"),
    ("CudnnRNNParamsToCanonical", "weights*num_params biases*num_params"),
    ("CudnnRNNParamsToCanonicalV2", "weights*num_params_weights biases*num_params_biases"),
    ("CudnnRNNV2", "output output_h output_c reserve_space host_reserved"),
    ("CudnnRNNV3", "output output_h output_c reserve_space host_reserved"),
    ("DynamicPartition", "outputs*num_partitions"),
    ("Eig", "e v"),
    ("For", "output*T"),
    ("FractionalAvgPool", "output row_pooling_sequence col_pooling_sequence"),
    ("FractionalMaxPool", "output row_pooling_sequence col_pooling_sequence"),
    ("FusedBatchNorm", "y batch_mean batch_variance reserve_space_1 reserve_space_2"),
    ("FusedBatchNormV2", "y batch_mean batch_variance reserve_space_1 reserve_space_2"),
    ("FusedBatchNormV3", "y batch_mean batch_variance reserve_space_1 reserve_space_2 reserve_space_3"),
    ("GRUBlockCell", "r u c h"),
    ("GenerateBoundingBoxProposals", "rois roi_probabilities"),
    ("IdentityN", "output*T"),
    ("If", "output*Tout"),
    ("LSTMBlockCell", "i cs f o ci co h"),
    ("ListDiff", "out idx"),
    ("LogMatrixDeterminant", "sign log_abs_determinant"),
    ("LookupTableExportV2", "keys values"),
    ("Lu", "lu p"),
    ("MaxPoolWithArgmax", "output argmax"),
    ("Merge", "output value_index"),
    ("NonMaxSuppressionV4", "selected_indices valid_outputs"),
    ("NonMaxSuppressionV5", "selected_indices selected_scores valid_outputs"),
    (
        "ParseExampleV2",
        "sparse_indices*num_sparse sparse_values*sparse_types sparse_shapes*num_sparse dense_values*Tdense ragged_values*ragged_value_types ragged_row_splits*ragged_split_types",
    ),
    ("PartitionedCall", "output*Tout"),
    ("Qr", "q r"),
    ("QuantizeDownAndShrinkRange", "output output_min output_max"),
    ("QuantizeV2", "output output_min output_max"),
    ("QuantizedAdd", "z min_z max_z"),
    ("QuantizedAvgPool", "output min_output max_output"),
    ("QuantizedBatchNormWithGlobalNormalization", "result result_min result_max"),
    ("QuantizedBiasAdd", "output min_out max_out"),
    ("QuantizedConcat", "output output_min output_max"),
    ("QuantizedConcatV2", "output output_min output_max"),
    ("QuantizedInstanceNorm", "y y_min y_max"),
    ("QuantizedMatMul", "out min_out max_out"),
    ("QuantizedMaxPool", "output min_output max_output"),
    ("QuantizedMul", "z min_z max_z"),
    ("QuantizedRelu", "activations min_activations max_activations"),
    ("QuantizedRelu6", "activations min_activations max_activations"),
    ("QuantizedReluX", "activations min_activations max_activations"),
    ("QuantizedReshape", "output output_min output_max"),
    ("QuantizedResizeBilinear", "resized_images out_min out_max"),
    ("RaggedGather", "output_nested_splits*OUTPUT_RAGGED_RANK output_dense_values"),
    ("RaggedRange", "rt_nested_splits rt_dense_values"),
    ("RaggedTensorFromVariant", "output_nested_splits*output_ragged_rank output_dense_values"),
    ("RaggedTensorToSparse", "sparse_indices sparse_values sparse_dense_shape"),
    ("RefMerge", "output value_index"),
    ("RefSwitch", "output_false output_true"),
    ("RemoteCall", "output*Tout"),
    ("RequantizationRange", "output_min output_max"),
    ("RequantizationRangePerChannel", "output_min output_max"),
    ("Requantize", "output output_min output_max"),
    ("RequantizePerChannel", "output output_min output_max"),
    ("RestoreV2", "tensors*dtypes"),
    ("SampleDistortedBoundingBox", "begin size bboxes"),
    ("SampleDistortedBoundingBoxV2", "begin size bboxes"),
    ("SelfAdjointEigV2", "e v"),
    ("ShapeN", "output*N"),
    ("SoftmaxCrossEntropyWithLogits", "loss backprop"),
    ("SparseAdd", "sum_indices sum_values sum_shape"),
    ("SparseConcat", "output_indices output_values output_shape"),
    ("SparseFillEmptyRows", "output_indices output_values empty_row_indicator reverse_index_map"),
    ("SparseReorder", "output_indices output_values"),
    ("SparseReshape", "output_indices output_shape"),
    ("SparseSlice", "output_indices output_values output_shape"),
    ("SparseSplit", "output_indices*num_split output_values*num_split output_shape*num_split"),
    ("Split", "output*num_split"),
    ("SplitV", "output*num_split"),
    ("StatefulPartitionedCall", "output*Tout"),
    ("StatelessCase", "output*Tout"),
    ("StatelessIf", "output*Tout"),
    ("StatelessRandomGetKeyCounter", "key counter"),
    ("StatelessRandomGetKeyCounterAlg", "key counter alg"),
    ("StatelessSampleDistortedBoundingBox", "begin size bboxes"),
    ("StatelessWhile", "output*T"),
    ("StringSplit", "indices values shape"),
    ("StringSplitV2", "indices values shape"),
    ("Svd", "s u v"),
    ("Switch", "output_false output_true"),
    ("TensorArrayConcat", "value lengths"),
    ("TensorArrayConcatV2", "value lengths"),
    ("TensorArrayConcatV3", "value lengths"),
    ("TensorArrayV3", "handle flow"),
    ("TensorListConcat", "tensor lengths"),
    ("TensorListConcatV2", "tensor lengths"),
    ("TensorListPopBack", "output_handle tensor"),
    ("TopK", "values indices"),
    ("TopKV2", "values indices"),
    ("Unique", "y idx"),
    ("UniqueV2", "y idx"),
    ("UniqueWithCounts", "y idx count"),
    ("UniqueWithCountsV2", "y idx count"),
    ("Unpack", "output*num"),
    ("While", "output*T"),
    ("_ArrayToList", "output*out_types"),
    ("_If", "output*Tout"),
    ("_ListToArray", "output*N"),
    ("_ReadVariablesOp", "values*dtypes"),
    ("_VarHandlesOp", "resources*N"),
    ("_While", "output*T"),
];

/// The output arguments of an op, if it is not one with a single tensor.
pub(crate) fn outputs_of(op: &str) -> Option<impl Iterator<Item = (&'static str, Option<&'static str>)> + use<>> {
    let at = OUTPUTS.binary_search_by(|(name, _)| name.cmp(&op)).ok()?;
    let (_, args) = OUTPUTS.get(at)?;
    Some(args.split(' ').map(|arg| match arg.split_once('*') {
        Some((name, attr)) => (name, Some(attr)),
        None => (arg, None),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(OUTPUTS.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(outputs_of("TopKV2").unwrap().map(|a| a.0).collect::<Vec<_>>(), ["values", "indices"]);
        assert!(outputs_of("Relu").is_none());
    }
}
