//! Hospital to hub and back: registration, locator, fan-out, store-and-forward.
