"""The figures of a report, each a function from numbers to a PNG."""

from flowroi.report.curves import Panel as Panel
from flowroi.report.curves import Series as Series
from flowroi.report.curves import curve_figure as curve_figure
from flowroi.report.curves import panels_figure as panels_figure
from flowroi.report.distributions import Bars as Bars
from flowroi.report.distributions import bars_figure as bars_figure
from flowroi.report.distributions import bland_altman_figure as bland_altman_figure
from flowroi.report.distributions import histogram_figure as histogram_figure
from flowroi.report.front import Effect as Effect
from flowroi.report.front import Front as Front
from flowroi.report.front import effects_figure as effects_figure
from flowroi.report.front import front_figure as front_figure
from flowroi.report.image_grid import GridImage as GridImage
from flowroi.report.image_grid import image_grid as image_grid
