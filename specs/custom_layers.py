"""Classes of one's own for the gallery: the layers of custom_layer.yaml and vae.yaml, and the model of vae.yaml."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="gallery")
class GeneralizedMean(keras.layers.Layer):
    """Pool each map by a mean of learned power: 1 is the average, many is the maximum.

    Takes (batch, height, width, channels) of numbers that are not negative, gives (batch, channels).

    Source: Radenović, Tolias, Chum, "Fine-tuning CNN image retrieval with no human annotation" (2018), equation 3.

    Args:
        power: the power that training begins with, one for each channel.
    """

    def __init__(self, power: float = 3.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.power = power

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.exponent = self.add_weight(
            name="exponent", shape=(input_shape[-1],), initializer=keras.initializers.Constant(self.power)
        )

    def call(self, inputs: Any) -> Any:
        power = ops.maximum(self.exponent, 1.0)
        # Away from zero, where the gradient of a power is infinite.
        raised = ops.power(ops.maximum(inputs, 1e-6), power)
        return ops.power(ops.mean(raised, axis=(1, 2)), 1.0 / power)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "power": self.power}


@keras.saving.register_keras_serializable(package="gallery")
class Sampling(keras.layers.Layer):
    """Draw from the normal distribution whose mean and log variance are given, both (batch, size).

    Gives the mean when not training.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, mean: Any, log_variance: Any, training: bool = False) -> Any:
        if not training:
            return mean
        noise = keras.random.normal(ops.shape(mean), dtype=self.compute_dtype, seed=self.generator)
        return mean + ops.exp(0.5 * log_variance) * noise

    def compute_output_shape(self, mean_shape: Any, log_variance_shape: Any) -> Any:
        return mean_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}


@keras.saving.register_keras_serializable(package="gallery")
class VAE(keras.Model):
    """A variational autoencoder; the graph gives `reconstruction`, `mean` and `log_variance`.

    The loss adds to the reconstruction's own the distance of each code from a standard normal one.

    Source: Kingma, Welling, "Auto-encoding variational Bayes" (2014), appendix B.
    """

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        mean, log_variance = y_pred["mean"], y_pred["log_variance"]
        divergence = -0.5 * ops.sum(1.0 + log_variance - ops.square(mean) - ops.exp(log_variance), axis=-1)
        return loss + ops.mean(divergence)
