"""A backend of matplotlib whose ``plt.show()`` shows the figures below the cell."""

import page
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg


class FigureManager(FigureManagerBase):
    """Shows figures in the page."""

    @classmethod
    def pyplot_show(cls, *, block=None):
        """Show all open figures, and close them.

        Parameters
        ----------
        block : bool, optional
            Of no effect.
        """
        page.show_figures()


class FigureCanvas(FigureCanvasAgg):
    """Draws as Agg does."""

    manager_class = FigureManager
