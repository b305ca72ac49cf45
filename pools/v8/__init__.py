"""The engine: the only place that imports STPyV8."""
