"""One module for each scenario: ``async def run(plan) -> Findings``."""
