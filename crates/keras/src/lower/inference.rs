//! Layers that do nothing at inference: regularisation and image augmentation, which act in training only; and the small
//! layers that `keras.applications` defines for its own models.

use super::call::Call;
use super::preprocessing_resize::{Resampling, resize};
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::ValueId;
use modelport_ir::core::{BinaryOp, DataLayout};

pub(crate) const ROWS: &[Row] = &[
    row("Identity", same).passes_mask(),
    row("Dropout", same).passes_mask(),
    row("SpatialDropout1D", same).passes_mask(),
    row("SpatialDropout2D", same).passes_mask(),
    row("SpatialDropout3D", same).passes_mask(),
    row("AlphaDropout", same).passes_mask(),
    row("GaussianDropout", same).passes_mask(),
    row("GaussianNoise", same).passes_mask(),
    row("ActivityRegularization", same).passes_mask(),
    row("AugMix", same),
    row("CutMix", same),
    row("Equalization", same),
    row("MixUp", same),
    row("RandAugment", same),
    row("RandomBrightness", same),
    row("RandomColorDegeneration", same),
    row("RandomColorJitter", same),
    row("RandomContrast", same),
    row("RandomCrop", random_crop),
    row("RandomElasticTransform", same),
    row("RandomErasing", same),
    row("RandomFlip", same),
    row("RandomGaussianBlur", same),
    row("RandomGrayscale", same),
    row("RandomHeight", same),
    row("RandomHue", same),
    row("RandomInvert", same),
    row("RandomPerspective", same),
    row("RandomPosterization", same),
    row("RandomRotation", same),
    row("RandomSaturation", same),
    row("RandomSharpness", same),
    row("RandomShear", same),
    row("RandomTranslation", same),
    row("RandomWidth", same),
    row("RandomZoom", same),
    row("Solarization", same),
    // keras/src/applications/convnext.py
    row("StochasticDepth", same),
    row("LayerScale", layer_scale),
    // keras/src/applications/inception_resnet_v2.py
    row("CustomScaleLayer", custom_scale),
];

/// The input as it is.
fn same(c: &mut Call<'_>) -> Result<ValueId> {
    c.x()
}

/// At inference Keras 3.15 leaves the image as it is. Keras 2, whose config has no `data_format`, brings the largest
/// window of the target's aspect ratio to its size.
fn random_crop(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_x()?;
    if c.op.attr("data_format").is_some() {
        return Ok(x);
    }
    let how = Resampling {
        size: [c.size("height")?, c.size("width")?],
        interpolation: "bilinear".to_owned(),
        antialias: false,
        crop_to_aspect_ratio: true,
        pad_to_aspect_ratio: false,
        fill_value: 0.0,
        data: DataLayout::ChannelsLast,
    };
    resize(c, x, &how)
}

/// `x · gamma`. The only weight; files name it differently (`gamma`, `Variable`, `0`).
fn layer_scale(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_x()?;
    let name = c.op.weights.first().map_or("gamma", |(name, _)| name.as_str());
    let gamma = c.weight(name)?;
    c.b.binary(BinaryOp::Mul, x, gamma)
}

/// `first + second · scale`.
fn custom_scale(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = (c.input(0)?, c.input(1)?);
    let scale = c.float_or("scale", 1.0)?;
    let y = c.b.binary_scalar(BinaryOp::Mul, y, scale)?;
    c.b.binary(BinaryOp::Add, x, y)
}
