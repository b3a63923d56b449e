"""A Jupyter server that hands on what a kernel says at once; ``make lab`` starts it with this.

A kernel answers a figure in several small messages: that it is busy, an echo, the answer. Without
more ado, TCP sends the first and keeps the others back until the browser acknowledges it, which
browsers put off, by 40 ms on Linux. The server has no option for that, but one for the class of its
connections.
"""

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class SocketAtOnce(ZMQChannelsWebsocketConnection):
    """The connection of a page with its kernel, on which no message waits for another."""

    def connect(self):
        """Connect as usual, and send without delay from then on."""
        self.websocket_handler.set_nodelay(True)
        return super().connect()
