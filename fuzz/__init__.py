"""Random hostile input, of the kinds that people, files and browsers could hand to emdviz.

``python -m fuzz`` (or ``make fuzz``) tries all of it; the tests try a part. A call must return a
correct answer, or raise an error of emdviz that names the wrong argument. Anything else is a fault:
another error, a warning, a wrong number, NaN from finite numbers, a changed argument, a hang, a
file written outside the given folder.
"""
