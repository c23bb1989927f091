"""The six steps of the pipeline, one file each: values in, values out, no order among them."""
