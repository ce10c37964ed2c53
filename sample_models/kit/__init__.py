"""What the sample models are made with: surfaces, patterns, and a glTF writer that is not the one under test."""
