//! Names, numbers and kinds of the fields of `/proto/tensorflow.proto`, as text files spell them. Fields that are not here
//! are skipped. Owns: that table.

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// A message of the named type.
    Message(&'static str),
    /// Text or bytes.
    Text,
    /// An integer or a truth value.
    Int,
    /// A DataType, or another enum.
    Enum,
    /// Four bytes.
    Float,
    /// Eight bytes.
    Double,
}

use Kind::{Double, Enum, Float, Int, Message, Text};

/// The fields of a message.
pub(super) type Fields = &'static [(&'static str, u32, Kind)];

/// Messages by name; a map is a list of entries.
const MESSAGES: &[(&str, Fields)] = &[
    ("SavedModel", &[("saved_model_schema_version", 1, Int), ("meta_graphs", 2, Message("MetaGraphDef"))]),
    (
        "MetaGraphDef",
        &[
            ("meta_info_def", 1, Message("MetaInfoDef")),
            ("graph_def", 2, Message("GraphDef")),
            ("saver_def", 3, Message("SaverDef")),
            ("collection_def", 4, Message("CollectionEntry")),
            ("signature_def", 5, Message("SignatureEntry")),
            ("asset_file_def", 6, Message("AssetFileDef")),
        ],
    ),
    (
        "MetaInfoDef",
        &[
            ("meta_graph_version", 1, Text),
            ("tags", 4, Text),
            ("tensorflow_version", 5, Text),
            ("tensorflow_git_version", 6, Text),
            ("stripped_default_attrs", 7, Int),
        ],
    ),
    (
        "SaverDef",
        &[
            ("filename_tensor_name", 1, Text),
            ("save_tensor_name", 2, Text),
            ("restore_op_name", 3, Text),
            ("sharded", 5, Int),
            ("version", 7, Enum),
        ],
    ),
    ("CollectionEntry", &[("key", 1, Text), ("value", 2, Message("CollectionDef"))]),
    ("CollectionDef", &[("node_list", 1, Message("Values")), ("bytes_list", 2, Message("Values"))]),
    ("Values", &[("value", 1, Text)]),
    ("SignatureEntry", &[("key", 1, Text), ("value", 2, Message("SignatureDef"))]),
    (
        "SignatureDef",
        &[
            ("inputs", 1, Message("TensorInfoEntry")),
            ("outputs", 2, Message("TensorInfoEntry")),
            ("method_name", 3, Text),
        ],
    ),
    ("TensorInfoEntry", &[("key", 1, Text), ("value", 2, Message("TensorInfo"))]),
    ("TensorInfo", &[("name", 1, Text), ("dtype", 2, Enum), ("tensor_shape", 3, Message("TensorShapeProto"))]),
    ("AssetFileDef", &[("tensor_info", 1, Message("TensorInfo")), ("filename", 2, Text)]),
    (
        "GraphDef",
        &[
            ("node", 1, Message("NodeDef")),
            ("library", 2, Message("FunctionDefLibrary")),
            ("version", 3, Int),
            ("versions", 4, Message("VersionDef")),
        ],
    ),
    ("VersionDef", &[("producer", 1, Int), ("min_consumer", 2, Int)]),
    ("NodeDef", &[("name", 1, Text), ("op", 2, Text), ("input", 3, Text), ("attr", 5, Message("AttrEntry"))]),
    ("AttrEntry", &[("key", 1, Text), ("value", 2, Message("AttrValue"))]),
    (
        "AttrValue",
        &[
            ("list", 1, Message("ListValue")),
            ("s", 2, Text),
            ("i", 3, Int),
            ("f", 4, Float),
            ("b", 5, Int),
            ("type", 6, Enum),
            ("shape", 7, Message("TensorShapeProto")),
            ("tensor", 8, Message("TensorProto")),
            ("placeholder", 9, Text),
            ("func", 10, Message("NameAttrList")),
        ],
    ),
    (
        "ListValue",
        &[
            ("s", 2, Text),
            ("i", 3, Int),
            ("f", 4, Float),
            ("b", 5, Int),
            ("type", 6, Enum),
            ("shape", 7, Message("TensorShapeProto")),
            ("tensor", 8, Message("TensorProto")),
            ("func", 9, Message("NameAttrList")),
        ],
    ),
    ("NameAttrList", &[("name", 1, Text), ("attr", 2, Message("AttrEntry"))]),
    ("TensorShapeProto", &[("dim", 2, Message("Dim")), ("unknown_rank", 3, Int)]),
    ("Dim", &[("size", 1, Int)]),
    (
        "TensorProto",
        &[
            ("dtype", 1, Enum),
            ("tensor_shape", 2, Message("TensorShapeProto")),
            ("tensor_content", 4, Text),
            ("float_val", 5, Float),
            ("double_val", 6, Double),
            ("int_val", 7, Int),
            ("string_val", 8, Text),
            ("scomplex_val", 9, Float),
            ("int64_val", 10, Int),
            ("bool_val", 11, Int),
            ("dcomplex_val", 12, Double),
            ("half_val", 13, Int),
            ("uint32_val", 16, Int),
            ("uint64_val", 17, Int),
            ("float8_val", 18, Text),
        ],
    ),
    ("FunctionDefLibrary", &[("function", 1, Message("FunctionDef"))]),
    (
        "FunctionDef",
        &[("signature", 1, Message("OpDef")), ("node_def", 3, Message("NodeDef")), ("ret", 4, Message("RetEntry"))],
    ),
    ("RetEntry", &[("key", 1, Text), ("value", 2, Text)]),
    ("OpDef", &[("name", 1, Text), ("input_arg", 2, Message("ArgDef")), ("output_arg", 3, Message("ArgDef"))]),
    (
        "ArgDef",
        &[
            ("name", 1, Text),
            ("type", 3, Enum),
            ("type_attr", 4, Text),
            ("number_attr", 5, Text),
            ("type_list_attr", 6, Text),
        ],
    ),
];

/// The fields of a message type.
pub(super) fn fields(message: &str) -> Fields {
    MESSAGES.iter().find(|(name, _)| *name == message).map_or(&[], |(_, fields)| fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_that_a_field_names_is_there() {
        for (name, fields) in MESSAGES {
            for (field, _, kind) in *fields {
                if let Message(inner) = kind {
                    assert!(!super::fields(inner).is_empty(), "{name}.{field}: {inner}");
                }
            }
        }
    }
}
