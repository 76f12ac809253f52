"""Types of parameters known by hand, checked against Keras's source.

A type is kinds of plain data joined by `|`. A parameter is written `name`, `kind:name` or `Owner.name`, the owner
being a class or the last part of a function's name; the closest one wins. A wrong type is worse than none: what
takes many kinds is wide here, and `?` says that nothing is known. Beside an object (see `values.OBJECTS`) the type
says what plain data is accepted as well.
"""

from __future__ import annotations

_BY_TYPE = {
    "?": "get_item.key Constant.value",
    "null": """
        activation recurrent_activation backward_layer layers:dtype losses:dtype metrics:dtype reverse_dtype
        quantization_config weight_quantizer QuantizationConfig.activation_quantizer default_policy
        DataParallel.device_mesh TensorLayout.device_mesh""",
    "bool|null": "flash_attention sparse ragged",
    "int": """
        units filters input_dim output_dim n height width num_heads key_dim head_dim num_query_heads block_size
        num_key_value_heads depth_multiplier groups num_bins bins chain_depth num_chains num_ops power_iterations
        fft_length sequence_length sequence_stride sampling_rate num_mel_bins frame_length max_number
        dynamic_growth_steps ns_steps patience cooldown start_from_epoch num_classes num_thresholds k num_regressors
        implementation amax_history_length num_samples weight_bits group_size num_grid_points num_oov_indices
        histogram_freq embeddings_freq
        BatchNormalization.axis GroupNormalization.axis Concatenate.axis losses:axis metrics:axis
        axis1 axis2 axisa axisb axisc
        concatenate.axis glu.axis one_hot.axis multi_hot.axis split.axis array_split.axis stack.axis unstack.axis
        trapezoid.axis argsort.axis argpartition.axis sort.axis diff.axis batch_normalization.axis
        categorical_crossentropy.axis sparse_categorical_crossentropy.axis linspace.axis logspace.axis geomspace.axis
        decimals beam_width top_paths mask_index filter_size num offset minlength map_coordinates.order
        N""",
    "int|null": """
        seed Discretization.num_bins num_labels class_id top_k ignore_class num_tokens lora_rank sliding_window
        value_dim gradient_accumulation_steps ema_overwrite_frequency MelSpectrogram.sequence_length frame_step
        STFTSpectrogram.fft_length max_tokens output_sequence_length Int4QuantizationConfig.block_size batch_size
        vocabulary_size gptq_unpacked_column_size IntegerLookup.mask_token max_to_keep argmax.axis argmin.axis
        nanargmax.axis nanargmin.axis append.axis repeat.axis take.axis take_along_axis.axis unique.axis cross.axis
        cumsum.axis cumprod.axis nancumsum.axis nancumprod.axis num_segments unique.size unstack.num M vander.N
        rfft.fft_length irfft.fft_length multi_hot.num_classes top_cropping left_cropping bottom_cropping
        right_cropping top_padding left_padding bottom_padding right_padding target_height target_width istft.length
        IntegerLookup.oov_token CategoryEncoding.num_tokens""",
    "int|bool": "verbose",
    "int|list": """
        RandomPosterization.factor kernel_size strides dilation_rate pool_size output_size size output_padding cropping
        axes axis
        ZeroPadding2D.padding ZeroPadding3D.padding fold.padding unfold.padding CosineSimilarity.axis
        ConcordanceCorrelation.axis PearsonCorrelation.axis EinsumDense.output_shape tensordot.axes
        dilation stride shift source destination newshape shape output_shape repeats
        indices_or_sections pad_width kth""",
    "int|list|dict": "Cropping1D.cropping ZeroPadding1D.padding",
    "int|list|null": """
        AveragePooling1D.strides AveragePooling2D.strides AveragePooling3D.strides MaxPooling1D.strides
        MaxPooling2D.strides MaxPooling3D.strides extract_patches.strides extract_patches_3d.strides
        Conv1DTranspose.output_padding Conv2DTranspose.output_padding Conv3DTranspose.output_padding
        conv_transpose.output_padding Normalization.axis Dice.axis Tversky.axis shared_axes attention_axes
        MultiHeadAttention.output_shape ngrams Hashing.salt AbsMaxQuantizer.axis
        all.axis amax.axis amin.axis any.axis average.axis count_nonzero.axis flip.axis logsumexp.axis max.axis
        min.axis mean.axis median.axis nanmax.axis nanmean.axis nanmedian.axis nanmin.axis nanpercentile.axis
        percentile.axis nanprod.axis nanquantile.axis quantile.axis nanstd.axis nansum.axis sum.axis nanvar.axis
        var.axis norm.axis prod.axis ptp.axis roll.axis squeeze.axis std.axis""",
    "int|str|bool": "save_freq",
    "int|str|list|null": "Lambda.output_shape TorchModuleWrapper.output_shape",
    "float": """
        learning_rate rate stddev initial_learning_rate decay_steps first_decay_steps decay_rate warmup_steps
        precision recall sensitivity specificity label_smoothing min_delta adam_lr_ratio max_value fill_value
        threshold default_value max_val squareplus.b logspace.base order beta x_min x_max
        RandomNormal.mean TruncatedNormal.mean OrthogonalRegularizer.factor ReduceLROnPlateau.factor
        CategoricalGeneralizedCrossEntropy.q""",
    "float|null": """
        clipnorm clipvalue global_clipnorm loss_scale_factor weight_decay lora_alpha baseline initial_value_threshold
        ReLU.max_value warmup_target F1Score.threshold FBetaScore.threshold logit_soft_cap max_freq
        layer_normalization.epsilon rms_normalization.epsilon normalize.epsilon dot_product_attention.scale
        attn_logits_soft_cap rcond tol initial neginf posinf pad.constant_values unique.fill_value""",
    "float|list": """
        Rescaling.scale Rescaling.offset factor height_factor RandomTranslation.width_factor sigma x_factor y_factor
        RandomElasticTransform.scale RandomErasing.scale addition_factor threshold_factor q
        CategoricalFocalCrossentropy.alpha""",
    "float|list|null": """
        RandomZoom.width_factor brightness_factor contrast_factor saturation_factor hue_factor mean variance
        thresholds RandomErasing.fill_value""",
    "str": """
        equation filename filepath backup_dir directory log_dir monitor separator root path field encoding
        call_endpoint subscripts pattern dtype_policies:mode vocabulary_dtype output_dtype""",
    "str|null": """
        name bias_axes bounding_box_format call_training_endpoint batch_dim_name source_name dtype data_format
        StringLookup.mask_token reduction merge_mode average class_aggregation scaling
        activation_quantizer""",
    "str|list|null": "window vocabulary",
    "int|str|null": "Hashing.mask_value",
    "int|float|str|null": "norm.ord",
    "str|bool": "use_cudnn",
    "list": """
        dims target_shape target_class_ids boundaries values value_range tile_grid_size cells layers axis_names
        spatial_dims moments.axes start_indices rot90.axes gaussian_blur.kernel_size gaussian_blur.sigma cell
        DeviceMesh.shape TensorLayout.axes reshape.newshape broadcast_to.shape unravel_index.shape
        scatter.shape resize.size scale_and_translate.output_shape""",
    "list|null": """
        noise_shape bin_boundaries input_axes output_axes label_weights idf_weights weights exclude_layers batch_shape
        transpose.axes devices trapezoid.x
        histogram.range""",
    "dict|null": """
        renorm_clipping OptimizerMap.optimizer_map policy_map headers embeddings_metadata arguments
        quantization_layer_structure""",
}

TYPES: dict[str, str] = {key: kind.strip() for kind, keys in _BY_TYPE.items() for key in keys.split()}
"""Type by parameter."""
