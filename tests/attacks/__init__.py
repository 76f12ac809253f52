"""What strangers may send: each row of the design's table of hostile input, and every hole that Keras has had."""
