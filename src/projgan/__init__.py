"""projgan: class-conditional GANs whose discriminator meets the condition by projection."""

__version__ = "0.1.0"
