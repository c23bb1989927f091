"""Zoom: webhooks, REST API, downloads and file formats. Fields keep Zoom's names."""
