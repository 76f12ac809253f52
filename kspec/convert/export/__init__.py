"""Out of Keras and out of kspec: a model as a file that other programs run, held against Keras before it is written.

model -> what it computes, as a function of arrays (`forward`) -> traced with open axes (`tracing`) -> a file's bytes
(`onnx`, `stablehlo`, `openvino`) -> run on random arrays (`samples`) and compared with Keras (`agreement`).
"""
