"""What compression costs: image quality, masks, segmentation, tracking and migration, curves and gains."""
