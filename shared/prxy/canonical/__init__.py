"""The form every request, answer and event takes between two wires. Imports nothing of ours."""
