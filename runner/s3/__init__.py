"""Object storage that speaks S3, over connections that were judged (docs/decisions/009)."""
