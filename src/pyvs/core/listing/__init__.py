"""core/listing."""
