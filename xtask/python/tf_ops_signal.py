"""Cases of complex numbers and Fourier transforms. What they end in is real, as in models of sound."""
import numpy as np
import tensorflow as tf
from tf_lib import In

R = tf.raw_ops
X = In(None, 3, 12)


def parts(z):
    return [R.Real(input=z), R.Imag(input=z)]


def halves(x):
    """A complex value of a real one."""
    return tf.complex(x[:, :2], x[:, 1:])


def register(add):
    add("RFFT", "magnitude", lambda x: tf.abs(tf.signal.rfft(x)), X)
    add("RFFT", "parts_odd", lambda x: parts(tf.signal.rfft(x)), In(None, 9))
    add("RFFT", "shorter", lambda x: parts(tf.signal.rfft(x, [8])), X)
    add("RFFT", "longer_dynamic", lambda x: parts(tf.signal.rfft(x, [16])), In(None, None, feed=[2, 12]))
    add("RFFT", "moved", lambda x: tf.abs(tf.transpose(tf.signal.rfft(x), [0, 2, 1])[:, 1:4]), X)
    add("RFFT", "stft", lambda x: tf.abs(tf.signal.stft(x, 16, 8, 32)), In(None, 64))
    add("RFFT", "mfcc", lambda x: tf.signal.mfccs_from_log_mel_spectrograms(x)[..., :5], In(None, 4, 10))
    add("RFFT2D", "parts", lambda x: parts(tf.signal.rfft2d(x)), In(None, 6, 5))
    add("RFFT2D", "lengths", lambda x: tf.abs(tf.signal.rfft2d(x, [8, 4])), In(None, 6, 5))
    add("FFT", "parts", lambda x: parts(tf.signal.fft(halves(x))), X)
    add("FFT", "of_real", lambda x: parts(tf.signal.fft(tf.cast(x, tf.complex64))), X)
    add("IFFT", "parts", lambda x: parts(tf.signal.ifft(halves(x))), In(None, 3, 7))
    add("FFT2D", "parts", lambda x: parts(tf.signal.fft2d(halves(x))), In(None, 3, 7))
    add("IFFT2D", "parts", lambda x: parts(tf.signal.ifft2d(halves(x))), In(None, 3, 4))
    add("IRFFT", "even", lambda x: tf.signal.irfft(halves(x)), In(None, 3, 7))
    add("IRFFT", "odd", lambda x: tf.signal.irfft(halves(x), [9]), In(None, 3, 7))
    add("IRFFT", "filtered", lambda x: tf.signal.irfft(tf.signal.rfft(x) * tf.cast(tf.linspace(1.0, 0.0, 7), tf.complex64), [12]), X)
    add("IRFFT2D", "back", lambda x: tf.signal.irfft2d(halves(x), [5, 8]), In(None, 3, 5))
    add("Complex", "product", lambda x: parts(halves(x) * tf.complex(x[:, 1:], x[:, :2]) * tf.constant(0.5 - 2j, tf.complex64)), X)
    add("Real", "sum", lambda x: R.Real(input=halves(x) + tf.constant(1 + 1j, tf.complex64)), X)
    add("Imag", "difference", lambda x: R.Imag(input=halves(x) - tf.complex(x[:, 1:], x[:, :2])), X)
    add("Conj", "parts", lambda x: parts(R.Conj(input=halves(x))), X)
    add("ComplexAbs", "f64", lambda x: R.ComplexAbs(x=halves(x), Tout=tf.float64), In(None, 3, 5, dtype="float64"))
    add("Angle", "f32", lambda x: R.Angle(input=halves(x)), X)
