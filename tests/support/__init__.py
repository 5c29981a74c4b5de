"""What the tests of the whole agent stand on: a plant in a temporary folder, each part a real one."""
