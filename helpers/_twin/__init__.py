"""The simulator behind `helpers.twin`: brain, stimuli, responses, ceilings, files."""
