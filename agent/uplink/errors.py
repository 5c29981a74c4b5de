"""What can go wrong with the broker, by what to do next."""


class BrokerError(Exception):
    """Root of what the uplink raises.  The message names the broker and the remedy."""


class BrokerUnreachableError(BrokerError):
    """No connection: dial again, later and later."""


class BrokerLostError(BrokerError):
    """The connection ended, or acknowledgements stopped: dial again."""


class BrokerRefusedError(BrokerError):
    """The broker does not want us (login, rights, session taken over): tell it, and dial again slowly."""
