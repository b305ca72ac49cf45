"""The service: owns every socket, every credential and every row."""
