"""Hostile input: what people, files and front ends could hand emdviz, at random and in numbers.

``python -m fuzz`` (or ``make fuzz``) tries all of it; the tests try a part. Allowed is a right
answer, or an error that emdviz raises itself and that names what is wrong. Everything else is a
fault: another error, a warning, a wrong number, NaN out of numbers, a changed argument, a hang, a
file outside the given folder.
"""
