"""Mirror a study's journal into another system."""
