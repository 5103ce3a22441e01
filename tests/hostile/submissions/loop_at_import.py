"""Never stops being read.

points: 0
line: ex1_1_linear.py takes too long when Python reads it
"""

while True:
    pass
