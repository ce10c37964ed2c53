"""What the sample models are made with: surfaces, patterns and a glTF writer that shares no line with the code under test."""
