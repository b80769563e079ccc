"""`models.yaml`, read and checked: models, image sets, bounds, margins and known failures."""
