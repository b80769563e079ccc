"""A plugin for runs of the tests: looks at so few images that the small sets of the tests have several."""

from eyechart.judge.gates import ruling

ruling.LOOKS = (40, 100, 300)
