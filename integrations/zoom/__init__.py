"""Zoom: its webhooks, REST API, downloads and file formats. Fields are named as Zoom does."""
